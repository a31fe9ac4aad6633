"""The Failover Control Protocol: plan, ask source after source, merge, and say what is missing."""
