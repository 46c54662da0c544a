"""Laws hold on slow machines too: the first text builds the parser, and neighbours may be busy."""

from hypothesis import settings

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
