"""What is decided and remembered: rules as pure functions of (facts, now), and the store behind them."""
