"""Plugin machinery: find (`discovery`) -> judge (`judge`) -> call (`calls`), behind `manager.PluginManager`.

This package itself stays empty so that importing one part never costs the others.
"""
