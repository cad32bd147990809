"""Early warning: open loans watched on a day, with behaviour PD, rules, action and reasons."""
