"""Who answers the verbs, by what they are about. Nothing but the node builds these."""
