"""scopeproxy: a scope-aware transparent HTTP proxy for OpenStack.

Layers, each importing only those before it: errors, lang (text to Scope), model (vocabulary), planning (pure
decisions), execution (effects), edges (doors).  docs/architecture.md draws them.
"""
