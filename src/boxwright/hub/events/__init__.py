"""What happened in the registry, told to whoever asked for it: webhooks.

event        what happened, as a value
outbox       writes events, in the transaction of what they tell
webhook      who wants to be told what, as a value
store        webhooks and their deliveries in the database
formats      the bodies: our own, Docker Hub's, distribution's
signing      Standard Webhooks
addresses    where a webhook may point: nowhere inside of our own network
sending      one POST, bounded in time and size
schedule     when a failed delivery is tried again
dispatcher   delivers what waits, beside any number of other servers
settings     what the configuration file says about it
"""
