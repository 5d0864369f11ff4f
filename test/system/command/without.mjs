// Preloaded into the command by NODE_OPTIONS: takes away what WITHOUT says, as if the machine did not have it.
import { register } from 'node:module';
import { isMainThread } from 'node:worker_threads';

const without = process.env.WITHOUT ?? '';

if (without === 'koffi') {
  const hooks = `export function resolve(name, context, next) {
    if (name === 'koffi') throw Object.assign(new Error('no'), { code: 'ERR_MODULE_NOT_FOUND' });
    return next(name, context);
  }`;
  register(`data:text/javascript,${encodeURIComponent(hooks)}`);
} else if (without === 'libvdeplug' || without === 'gso' || without === 'vnet' || without === 'uso') {
  const { default: koffi } = await import(new URL('../../../node_modules/koffi/index.js', import.meta.url));
  const { load } = koffi;
  let invalid = false;
  const { errno } = koffi;
  koffi.errno = (...given) => (invalid ? 22 : errno(...given)); // EINVAL
  /** TUNSETIFF with IFF_VNET_HDR fails, as in kernels that do not know it. */
  const withoutVnet = (call, fd, request, argument) => {
    invalid = request === 0x400454ca && (koffi.decode(argument, 16, 'uint16_t') & 0x4000) !== 0;
    return invalid ? -1 : call(fd, request, argument);
  };
  /** TUNSETOFFLOAD with TUN_F_USO4 or TUN_F_USO6 fails, as before Linux 6.2. */
  const withoutUso = (call, fd, request, argument) => {
    invalid = request === 0x400454d0 && (argument & 0x60) !== 0;
    return invalid ? -1 : call(fd, request, argument);
  };
  koffi.load = (path) => {
    if (without === 'libvdeplug' && path !== null) throw new Error('no such library');
    const library = load(path);
    return {
      func(prototype) {
        const call = library.func(prototype);
        if (without === 'uso' && /ioctl/.test(prototype)) return (...given) => withoutUso(call, ...given);
        if (without === 'vnet' && /ioctl/.test(prototype)) return (...given) => withoutVnet(call, ...given);
        if (without !== 'gso' || !/setsockopt/.test(prototype)) return call;
        return (fd, level, ...rest) => (level === 17 ? -1 : call(fd, level, ...rest)); // SOL_UDP
      },
    };
  };
} else if (without === 'luck' && !isMainThread) {
  // The I/O thread fails in the middle of its work.
  const { instantiate } = WebAssembly;
  WebAssembly.instantiate = async (...given) => {
    const { instance } = await instantiate.apply(WebAssembly, given);
    const exports = {
      ...instance.exports,
      ringProcess() {
        throw new Error('out of luck');
      },
    };
    return { instance: { exports } };
  };
}
