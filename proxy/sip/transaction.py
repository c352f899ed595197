"""The transactions of RFC 3261 section 17 and RFC 6026, all in one place to import from."""

from proxy.sip.bystanders import ClientBystander, ServerBystander
from proxy.sip.client import ClientOwner, ClientTransaction
from proxy.sip.server import ServerOwner, ServerTransaction
from proxy.sip.transaction_tables import State

__all__ = ["ClientBystander", "ClientOwner", "ClientTransaction", "ServerBystander", "ServerOwner", "ServerTransaction",
           "State"]
