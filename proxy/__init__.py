"""Everything that talks: the SIP stack, the stateful proxy, transports, status, the command."""
