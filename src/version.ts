/** The version of the package and of the addon that belongs to it. */
export const version = "0.1.0";
