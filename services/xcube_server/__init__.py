"""xcube servers: which configurations are accepted, and what a server gets of them.

    stored = check_configuration(given, user=…, profile=…, field="cfg")   # raises Refused
    payload = build_payload(instance)                                     # at each apply

A configuration is only data: it names stores of the hub, and holds no path outside of them, no
credentials and no code.
"""
