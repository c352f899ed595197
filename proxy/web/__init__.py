"""What both web servers have in common: who may connect, how much and how long."""
