"""The platform's API: HTTP on one side, the verbs of ``billing`` on the other.

Nothing of money is decided here. Answers are written by orjson, not by pydantic: the models in
``schemas`` document them, and a property test holds every answer against them.
"""
