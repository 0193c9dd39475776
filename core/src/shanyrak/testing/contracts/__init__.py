"""What each kind of plugin is held to. A contract names its `HOOK`, what may be claimed (`CAPABILITIES`), and its `HARNESS`."""
