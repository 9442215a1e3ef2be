# SPDX-License-Identifier: MIT
"""Jobs and interactive sessions on p-bit devices: libpbit for Python.

    import numpy, pbit

    with pbit.Daemon() as daemon:
        with daemon.session(visible=64, hidden=16, chains=128) as s:
            s.couplings[:] = numpy.random.normal(0, 0.1, s.couplings.shape)
            s.call(sweeps=32)
            print(s.vh)             # <v_i h_j>

The arrays of a session (couplings, vh, v, h, rows, held, states) are memory that is shared with the
device's worker: views of it, never copies. With numpy they are numpy arrays, without it memoryviews.
libpbit is looked for as PBIT_LIBRARY says, else where the system has its libraries. The manual is
libpbit(3); the specs of jobs are pbit-spec(5).
"""

import ctypes
import errno
import json
import os
import socket

try:
    import numpy
except ImportError:
    numpy = None

__all__ = ["Daemon", "Session", "Result", "Error"]

# ---- the library ----


def _load():
    library = ctypes.CDLL(os.environ.get("PBIT_LIBRARY") or "libpbit.so.0")
    pointer, text = ctypes.c_void_p, ctypes.c_char_p
    out = ctypes.POINTER(pointer)
    number = ctypes.POINTER(ctypes.c_uint64)
    signatures = {
        "pbit_open": (ctypes.c_int, [out, text, ctypes.c_uint]),
        "pbit_close": (pointer, [pointer]),
        "pbit_error": (text, [pointer]),
        "pbit_submit": (ctypes.c_int, [pointer, text, text, number]),
        "pbit_show": (ctypes.c_int, [pointer, ctypes.c_uint64, out]),
        "pbit_watch": (ctypes.c_int, [pointer, ctypes.c_uint64, _WATCH, pointer,
                                      ctypes.POINTER(ctypes.c_int)]),
        "pbit_cancel": (ctypes.c_int, [pointer, ctypes.c_uint64]),
        "pbit_devices": (ctypes.c_int, [pointer, out]),
        "pbit_state_name": (text, [ctypes.c_int]),
        "pbit_session_open": (ctypes.c_int, [pointer, text, pointer, out]),
        "pbit_session_close": (pointer, [pointer]),
        "pbit_session_error": (text, [pointer]),
        "pbit_session_id": (ctypes.c_uint64, [pointer]),
        "pbit_session_fd": (ctypes.c_int, [pointer]),
        "pbit_session_array": (pointer, [pointer, ctypes.c_int,
                                         ctypes.POINTER(ctypes.c_size_t)]),
        "pbit_session_begin": (ctypes.c_int, [pointer, ctypes.POINTER(_Call)]),
        "pbit_session_wait": (ctypes.c_int, [pointer, ctypes.POINTER(Result)]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


_WATCH = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
_libc = ctypes.CDLL(None)
_libc.free.argtypes = [ctypes.c_void_p]


class _Call(ctypes.Structure):
    """struct pbit_session_call"""
    _fields_ = [("size", ctypes.c_size_t), ("flags", ctypes.c_uint), ("format", ctypes.c_uint),
                ("moments", ctypes.c_uint), ("sweeps", ctypes.c_uint), ("burn", ctypes.c_uint),
                ("row", ctypes.c_uint), ("rows", ctypes.c_uint), ("beta", ctypes.c_double),
                ("beta_end", ctypes.c_double), ("scale", ctypes.c_double),
                ("seed", ctypes.c_uint64)]


class Result(ctypes.Structure):
    """What a call gave beside the arrays.

    scale: the device ran with scale * round(J / scale). energy: <E>, in units of J, where it was
    asked for. saturated: couplings beyond what the scale can express, taken as that. samples: chains
    times sweeps averaged. flips, changed: updates of p-bits, and those that changed one. sweep:
    number of the next sweep of the chains that ran. device_ns, convert_ns: time on the device, and
    in the worker for couplings and moments.
    """
    _fields_ = [("size", ctypes.c_size_t), ("scale", ctypes.c_double), ("energy", ctypes.c_double),
                ("saturated", ctypes.c_uint64), ("samples", ctypes.c_uint64),
                ("flips", ctypes.c_uint64), ("changed", ctypes.c_uint64),
                ("sweep", ctypes.c_uint64), ("device_ns", ctypes.c_uint64),
                ("convert_ns", ctypes.c_uint64)]


_library = _load()

# ---- errors ----


class Error(OSError):
    """errno, and one sentence: what is wrong, where, and how to mend it."""


def _check(result, sentence):
    if result < 0:
        text = sentence().decode(errors="replace") or os.strerror(-result)
        raise Error(-result, text)
    return result


# ---- the daemon ----


class Daemon:
    """A connection to pbitd. socket: its path, or None: $PBIT_SOCKET, the system's, one's own."""

    def __init__(self, socket=None, autostart=True):
        self._pbit = ctypes.c_void_p()
        path = None if socket is None else os.fsencode(socket)
        result = _library.pbit_open(ctypes.byref(self._pbit), path, 1 if autostart else 0)
        try:
            self._check(result)
        except Error:
            self.close()
            raise

    def close(self):
        _library.pbit_close(self._pbit)
        self._pbit = ctypes.c_void_p()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _check(self, result):
        return _check(result, lambda: _library.pbit_error(self._pbit) or b"")

    def _json(self, function, *arguments):
        text = ctypes.c_void_p()
        self._check(function(self._pbit, *arguments, ctypes.byref(text)))
        try:
            return json.loads(ctypes.string_at(text))
        finally:
            _libc.free(text)

    def submit(self, spec, directory=None):
        """Queues a job; its number. spec: as pbit-spec(5), a dict or JSON. directory: of its files."""
        number = ctypes.c_uint64()
        where = None if directory is None else os.fsencode(directory)
        self._check(_library.pbit_submit(self._pbit, _spec(spec), where, ctypes.byref(number)))
        return number.value

    def show(self, job):
        """All that is known of a job."""
        return self._json(_library.pbit_show, job)

    def devices(self):
        """The devices, a list."""
        return self._json(_library.pbit_devices)

    def cancel(self, job):
        self._check(_library.pbit_cancel(self._pbit, job))

    def watch(self, job, function=None):
        """Follows a job to its end; its state: "done", "failed" or "cancelled".

        function: is called with the job at each change; ends the watch by a true result.
        """
        state, raised = ctypes.c_int(), []

        def changed(text, _):
            try:
                return 1 if function and function(json.loads(text)) else 0
            except BaseException as e:  # it cannot pass through C
                raised.append(e)
                return 1

        while True:
            result = _library.pbit_watch(self._pbit, job, _WATCH(changed), None,
                                         ctypes.byref(state))
            if result != -errno.EINTR:
                break
        if raised:
            raise raised[0]
        self._check(result)
        return _library.pbit_state_name(state.value).decode()

    def session(self, visible, hidden, references=False, rows=0, idle=1, seed=1, name=None,
                **device):
        """Opens a session; see Session. device: of the object "device": chains, beta, bits ..."""
        spec = {"kind": "session", "seed": seed, "device": device,
                "session": {"visible": visible, "hidden": hidden, "references": references,
                            "rows": rows, "idle": idle}}
        if name is not None:
            spec["name"] = name
        return Session(self, spec)


def _spec(spec):
    return (spec if isinstance(spec, str) else json.dumps(spec)).encode()


# ---- sessions ----


class _Owner:
    """Keeps the memory until the last view of it has gone."""

    def __init__(self, handle):
        self.handle = handle

    def __del__(self):
        _library.pbit_session_close(self.handle)


_ARRAYS = ["couplings", "vh", "v", "h", "rows", "held", "states"]
_FLAGS = {"clamped": 1 << 0, "partly": 1 << 1, "reset": 1 << 2, "set_states": 1 << 3,
          "get_states": 1 << 4, "keep": 1 << 5}
_MOMENTS = {"vh": 1 << 8, "v": 1 << 9, "h": 1 << 10, "energy": 1 << 11}
_FORMATS = {"float64": 0, "float32": 1, "int16": 2}
_CODES = {"float64": "d", "float32": "f", "int16": "h", "int8": "b", "uint8": "B", "uint64": "L"}
_SIZES = {"float64": 8, "float32": 4, "int16": 2, "int8": 1, "uint8": 1, "uint64": 8}


class Session:
    """A device as a training loop uses it: couplings in, moments out.

    spec: of kind "session". Network: an RBM with E(v, h) = -v' W h. Arrays, all of them shared with
    the device's worker during a call:

    couplings  (n, m)            in: J; of the session's dtype
    vh, v, h   (n, m), (n), (m)  out: <v_i h_j>, <v_i>, <h_j>
    rows       (rows, visible)   in: data, int8; above 0 is +1
    held       (visible)         in: for call(partly=True): which are held at their row's value
    states     (chains, words)   in and out: 64 p-bits a word; spins() makes them numbers

    n and m count the reference spins, number 0 of each side, where the spec has them.
    dtype: of couplings ("float64", "float32", or "int16": the device's integers, with a scale in
    each call); moments: of vh, v and h ("float64" or "float32").
    """

    def __init__(self, daemon, spec, dtype="float64", moments="float64"):
        handle = ctypes.c_void_p()
        daemon._check(_library.pbit_session_open(daemon._pbit, _spec(spec), None,
                                                 ctypes.byref(handle)))
        self._owner = _Owner(handle)
        self._format, self._moments = _FORMATS[dtype], _FORMATS[moments]
        types = [dtype, moments, moments, moments, "int8", "uint8", "uint64"]
        for which, (name, kind) in enumerate(zip(_ARRAYS, types)):
            setattr(self, name, self._array(which, kind))
        self.id = _library.pbit_session_id(handle)

    def _array(self, which, kind):
        shape = (ctypes.c_size_t * 2)()
        address = _library.pbit_session_array(self._owner.handle, which, shape)
        dimensions = [shape[0]] if _ARRAYS[which] in ("v", "h", "held") else [shape[0], shape[1]]
        count = shape[0] * shape[1]
        memory = (ctypes.c_char * (count * _SIZES[kind])).from_address(address)
        memory.owner = self._owner
        if numpy is not None:
            return numpy.frombuffer(memory, kind).reshape(dimensions)
        if count == 0:
            return memoryview(memory).cast("B")
        return memoryview(memory).cast("B").cast(_CODES[kind], dimensions)

    def close(self):
        """Ends the session; its job is done. The arrays stay as long as somebody has them."""
        if self._owner is None:
            return
        try:
            with socket.socket(fileno=os.dup(self.fileno())) as s:
                s.shutdown(socket.SHUT_RDWR)
        except OSError as e:
            if e.errno not in (errno.ENOTCONN, errno.EPIPE):
                raise
        finally:
            self._owner = None
            for name in _ARRAYS:
                setattr(self, name, None)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def fileno(self):
        """Readable, for select() and the like, when wait() would not block."""
        return _library.pbit_session_fd(self._handle())

    def _handle(self):
        if self._owner is None:
            raise Error(errno.EBADF, "the session is closed")
        return self._owner.handle

    def _check(self, result):
        return _check(result, lambda: _library.pbit_session_error(self._handle()) or b"")

    def begin(self, sweeps=0, burn=0, beta=0, beta_end=0, scale=0, want=("vh",), row=0, rows=None,
              seed=0, **flags):
        """Makes a call, to be waited for by wait(); the arrays are the worker's meanwhile.

        sweeps: averaged, after burn others. beta, beta_end: at the first and at the last sweep.
        scale: real J = scale * integer. 0, of all of these: what the spec says.
        want: names of the moments: "vh", "v", "h", "energy".
        clamped=True: chains start at rows row .. row + rows - 1, whose visible p-bits are held there;
        partly=True: only those that `held` names. Else the session's own chains run on:
        reset=True: first they start anew, at random from seed; set_states=True: from `states`.
        get_states=True: last, `states` gets theirs. keep=True: the couplings of the call before.
        """
        bits = 0
        for name, value in flags.items():
            if name not in _FLAGS:
                raise TypeError(f"call() has no argument '{name}'")
            bits |= _FLAGS[name] if value else 0
        if isinstance(want, str):
            raise ValueError(f"want is a list of names, as [{want!r}]")
        for name in want:
            if name not in _MOMENTS:
                raise ValueError(f"want: there is no '{name}', but {', '.join(_MOMENTS)}")
            bits |= _MOMENTS[name]
        if rows is None:
            rows = max(self.rows.shape[0] - row, 0) if bits & 3 else 0
        # ctypes would cut them off without a word.
        for name, value, size in [("sweeps", sweeps, 32), ("burn", burn, 32), ("row", row, 32),
                                  ("rows", rows, 32), ("seed", seed, 64)]:
            if not 0 <= value < 1 << size:
                raise ValueError(f"{name}: {value} is not from 0 to 2^{size} - 1")
        call = _Call(ctypes.sizeof(_Call), bits, self._format, self._moments, sweeps, burn, row,
                     rows, beta, beta_end, scale, seed)
        self._check(_library.pbit_session_begin(self._handle(), ctypes.byref(call)))

    def wait(self):
        """The Result of the call that was begun."""
        result = Result(size=ctypes.sizeof(Result))
        while True:
            code = _library.pbit_session_wait(self._handle(), ctypes.byref(result))
            # Where a signal's handler raises, it does so here, and the call goes on.
            if code != -errno.EINTR:
                self._check(code)
                return result

    def call(self, *arguments, **named):
        """begin() and wait()."""
        self.begin(*arguments, **named)
        return self.wait()

    def spins(self, chains=None):
        """Copies of the states as +-1, int8: (chains, n) and (chains, m). Needs numpy."""
        n, m = self.couplings.shape
        words = (n + 63) // 64
        bits = numpy.unpackbits(self.states[:chains].view("uint8"), axis=1, bitorder="little")
        both = bits[:, :n], bits[:, 64 * words:64 * words + m]
        return tuple(2 * side.astype("int8") - 1 for side in both)
