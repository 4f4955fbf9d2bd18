"""What an operator sees of a server: logs, metrics, health.

request    who asks for what, for everything that happens on behalf of one request
logs       one JSON object a line, or text for people
access     a line for every request
metrics    Prometheus' counters and histograms
timing     a blob storage whose every call is timed
health     alive, and ready
sharing    numbers that several processes count together
handler    all of that around the registry's own handler of requests
observer   what wires it together

Nothing of it is needed by the registry: without it, everything works as well, and is told to nobody.
"""
