"""The verbs, their options and their help, by job; what does the work is imported when a verb is called."""
