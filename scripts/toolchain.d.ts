export const nativeIsRequired: boolean;
export function hostTarget(): string;
export function cargoIsOnPath(): boolean;
export function wasmToolchain():
  | { readonly reason: string }
  | {
      readonly reason?: undefined;
      readonly arguments: string[];
      readonly environment: Record<string, string>;
      readonly sources: string[];
    };
