"""The conformance kit: `pytest --pyargs shanyrak.testing.conformance --shanyrak-plugin NAME`.

The general suite is here; the contract of each kind of plugin is in `shanyrak.testing.contracts`, or in the plugin that opens
the kind's hook, and is added for the kinds that the plugin implements.
"""
