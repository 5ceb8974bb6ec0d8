"""What runs in the component only: the host's imports behind the capabilities, the exports in front
of the handlers. `wit_world` and `componentize_py_types` are made by componentize-py at build time.
"""
