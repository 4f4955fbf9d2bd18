"""A bridge for containers: addresses, cables, published ports and the rules that all of it needs.

`boxwright.network.network.Network` is the door. Two things are spoken directly to the kernel, since every ``run`` waits
for them: links and addresses over rtnetlink (1 ms), and the ports that come and go over nfnetlink (0.1 ms), as elements
of maps in a table whose rules never change. What the rules cannot do, IPv6 above all, a small process per container
does, which also holds the ports and cleans up after everybody else was killed.
"""
