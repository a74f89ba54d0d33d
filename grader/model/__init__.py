"""The frozen records that pass between the stages: the only vocabulary that they share."""
