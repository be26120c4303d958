/**
 * Where networks are: in the memory of an instance, or moved out to arrays of the host.
 *
 * The memory of an instance is not the host's: its garbage collector does not see how much a network takes
 * there, and a host reports unreachable objects only when the event loop turns. So a program that makes and
 * drops models would let that memory grow. Therefore, networks that have not been used for long are moved
 * out when new ones need room. Nothing but the network's owner refers to the arrays, so that the host frees
 * them with it.
 */
import { allocate } from "../../memory.ts";
import type { Part } from "../kernel.ts";
import type { Instance, Pointer } from "./instance.ts";

/** The bytes of networks in an instance before one of them is moved out. */
const ROOM = 2 ** 26;

/** The bytes of networks that have been moved out and were used again. They are moved out only above this. */
const ROOM_OF_RETURNED = 2 ** 30;

/** Frees what became unreachable without `free` or `dispose`, where the host tells about that. */
const unreachable =
  typeof FinalizationRegistry === "undefined"
    ? undefined
    : new FinalizationRegistry<() => void>((free) => {
        try {
          free();
        } catch {
          // The instance has failed, and its memory goes with it.
        }
      });

/** Calls `free` when the owner has become unreachable, unless {@link forget} is called with the token. */
export function freeWith(owner: object, free: () => void, token: object): void {
  unreachable?.register(owner, free, token);
}

/** Ends what {@link freeWith} began. */
export function forget(token: object): void {
  unreachable?.unregister(token);
}

/** The parts of a network. Their numbers in calls of the module are 0 and 1. */
const PARTS: readonly Part[] = ["parameters", "slots"];

/** Returns the number of a part in calls of the module. */
export const numberOf = (part: Part) => PARTS.indexOf(part);

/** The place of one network. Its owner, which a user may drop, refers to it, and not the reverse. */
export class Place {
  readonly #instance: Instance;
  readonly #places: Places;
  /** The Program as JSON. */
  readonly #text: string;
  /** 0 if the network is not in the instance. */
  pointer: Pointer = 0;
  /** The values of each part of a network that was moved out. */
  #moved: readonly Float32Array[] = [];
  /** Whether the network must stay: during a training, and after a panic. */
  isFixed = false;
  /** The bytes that the network took when it returned; 0 if it was never moved out. */
  bytesReturned = 0;
  /** The number of the last use in its instance. */
  lastUse = 0;

  constructor(instance: Instance, program: string) {
    this.#instance = instance;
    this.#places = placesOf(instance);
    this.#text = program;
  }

  /** Moves the network into the instance. */
  moveIn(owner: object): void {
    const instance = this.#instance;
    const { network_new, network_free, network_write, allocated } = instance.exports;
    this.#places.makeRoom();
    const before = allocated();
    const pointer = instance.withText(this.#text, (text, length) =>
      instance.check(
        instance.call(() => network_new(text, length)),
        true,
      ),
    );
    try {
      for (const [part, values] of this.#moved.entries())
        instance.withNewFloats(values.length, (source) => {
          instance.floats.set(values, source / 4);
          instance.check(instance.call(() => network_write(pointer, part, source, values.length)));
        });
    } catch (error) {
      instance.call(() => network_free(pointer));
      throw error;
    }
    if (this.#moved.length > 0) this.bytesReturned = (allocated() - before) >>> 0;
    this.#moved = [];
    this.pointer = pointer;
    this.#places.add(this);
    freeWith(owner, () => this.free(), this);
  }

  /** Notes that the network is used. */
  use(): void {
    this.lastUse = this.#places.nextUse();
  }

  /** Moves the network out, unless there is not enough memory, or a value is not finite, which no call writes. */
  moveOut(): void {
    const instance = this.#instance;
    const { network_count, network_read } = instance.exports;
    const network = this.pointer;
    try {
      const moved = PARTS.map((name, part) => {
        const values = allocate(network_count(network, part), name);
        instance.withNewFloats(values.length, (result) => {
          instance.check(instance.call(() => network_read(network, part, result, values.length)));
          values.set(instance.floats.subarray(result / 4, result / 4 + values.length));
        });
        return values;
      });
      if (!moved.every((values) => values.every(Number.isFinite))) return;
      this.free();
      this.#moved = moved;
    } catch {
      // The network stays where it is.
    }
  }

  /** Frees the network in the instance. */
  free(): void {
    const { pointer } = this;
    this.#moved = [];
    if (pointer === 0) return;
    this.pointer = 0;
    forget(this);
    this.#places.delete(this);
    this.#instance.call(() => this.#instance.exports.network_free(pointer));
  }
}

/** The networks in an instance. */
export class Places {
  readonly #instance: Instance;
  readonly #places = new Set<Place>();
  #bytesReturned = 0;
  #uses = 0;
  /** The bytes of datasets, which are not moved out. */
  dataBytes = 0;

  constructor(instance: Instance) {
    this.#instance = instance;
  }

  add(place: Place): void {
    this.#places.add(place);
    this.#bytesReturned += place.bytesReturned;
  }

  delete(place: Place): void {
    this.#places.delete(place);
    this.#bytesReturned -= place.bytesReturned;
  }

  /** Returns the number of a use, one more than that of the last. */
  nextUse(): number {
    return ++this.#uses;
  }

  /** Moves out the networks that have not been used for longest, if networks take more memory than they may. */
  makeRoom(): void {
    const all = () => (this.#instance.exports.allocated() >>> 0) - this.dataBytes;
    this.#moveOut(ROOM, () => all() - this.#bytesReturned, false);
    this.#moveOut(ROOM_OF_RETURNED, () => this.#bytesReturned, true);
  }

  #moveOut(room: number, bytes: () => number, returned: boolean): void {
    if (bytes() <= room) return;
    const movable = [...this.#places].filter(
      (place) => !place.isFixed && place.bytesReturned > 0 === returned,
    );
    movable.sort((one, other) => one.lastUse - other.lastUse);
    for (const place of movable) {
      place.moveOut();
      // A quarter at a time, so that the order is determined rarely.
      if (bytes() <= 0.75 * room) return;
    }
  }
}

const all = new WeakMap<Instance, Places>();

/** Returns the networks in an instance. */
export function placesOf(instance: Instance): Places {
  const found = all.get(instance) ?? new Places(instance);
  all.set(instance, found);
  return found;
}
