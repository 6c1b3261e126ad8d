"""The subcommands of `footfall`, one a module."""
