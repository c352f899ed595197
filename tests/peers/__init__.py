"""Real peers: SIPp, Asterisk, baresip, PJSIP, Kamailio, mosquitto."""
