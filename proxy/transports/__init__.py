"""UDP, TCP and TLS on real sockets, and the resolver of RFC 3263."""
