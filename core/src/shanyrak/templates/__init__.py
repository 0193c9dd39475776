"""What `shanyrak plugin new` renders: `common` and one folder for each kind.

Each file ends in `.tmpl`; `PACKAGE` in its path is the plugin's import name. In its text `$name`, `$package`, `$distribution`,
`$title` (the name as one word, for classes), `$summary` and `$api` are replaced. Calls are laid out so that no name makes the
formatter change them.
"""
