"""What annotators do: actions, sheets, the task list, and the journal that keeps all of it."""
