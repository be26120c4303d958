export const nativeIsRequired: boolean;
export function hostTarget(): string;
export function cargoIsOnPath(): boolean;
