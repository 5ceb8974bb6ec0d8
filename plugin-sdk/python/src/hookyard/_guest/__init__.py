"""The code that runs only in the component: it connects the capabilities to the host's imports, and the
exports to the handlers. componentize-py generates `wit_world` and `componentize_py_types` at build time.
"""
