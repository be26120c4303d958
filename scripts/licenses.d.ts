import type { Plugin } from "rolldown";

export function thirdPartyLicenses(): Plugin;
