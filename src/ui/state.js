// Which pod is looked at.

export const state = { selected: null };
