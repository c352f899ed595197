"""The console: API and pages, in a process of their own."""
