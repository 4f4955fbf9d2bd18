"""Between the sockets and the registry: listening, TLS, proxies in front, and limits on what strangers may hold."""
