"""A stand-in for Stripe on this machine, for demo and tests: its wire format, and no money.

``server`` listens, ``wire`` reads and checks what the SDK sends, ``state`` is what there is and
what happens to it, ``pages`` is the hosted page, ``control`` what tests and curious people turn,
``delivery`` sends the signed messages. Nothing here knows the console's code, or its database.
"""
