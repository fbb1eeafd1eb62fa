"""What SLURM's words for the state of a job mean."""

#: The states (squeue --helpstate) of a job that has not ended; every other one is an end.
WAITING = {"PENDING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "RESV_DEL_HOLD", "SPECIAL_EXIT", "SUSPENDED"}
RUNNING = {"CONFIGURING", "COMPLETING", "RESIZING", "RUNNING", "SIGNALING", "STAGE_OUT", "STOPPED"}
