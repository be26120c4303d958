/**
 * Removes the variables with which a terminal or a CI service asks for other output, so that tests see the same
 * text everywhere. Node, for one, takes a terminal with `CI` for one without colors.
 */
const asked = [
  ...["CI", "CONTINUOUS_INTEGRATION", "GITHUB_ACTIONS", "GITLAB_CI", "TEAMCITY_VERSION", "TF_BUILD"],
  ...["NO_COLOR", "NODE_DISABLE_COLORS", "FORCE_COLOR", "COLORTERM", "TERM_PROGRAM", "TMUX", "COLUMNS"],
];
for (const name of asked) delete process.env[name];
