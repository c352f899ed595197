"""What the operator says: values and their loading, nothing else."""
