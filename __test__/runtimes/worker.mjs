// A worker for workerd, which compiles no WebAssembly at run time: the module is an import.

import { ready } from "myelin";
import module from "./myelin.wasm";
import { train } from "./training.mjs";

export default {
  async test() {
    const alone = await ready();
    const given = await ready({ module });
    console.log(JSON.stringify({ alone, given, ...(await train()) }));
  },
};
