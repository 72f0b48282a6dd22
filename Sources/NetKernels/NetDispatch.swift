/// A kernel on values of one storage type, written once.
protocol NetKernel {
    func run<T: NetElement>(_: T.Type)
}

/// A kernel from values of one storage type to those of another, written once.
protocol NetPairKernel {
    func run<S: NetElement, T: NetElement>(_: S.Type, _: T.Type)
}

extension NetType {
    /// Runs a kernel with the static type: another storage type is one more case here.
    func dispatch(_ kernel: some NetKernel) {
        switch self {
        case .f32: kernel.run(NetF32.self)
        case .bf16: kernel.run(NetBF16.self)
        }
    }

    /// Runs a kernel from this type to `target`.
    func dispatch(to target: NetType, _ kernel: some NetPairKernel) {
        switch self {
        case .f32: target.dispatch(FromKernel<NetF32, _>(kernel))
        case .bf16: target.dispatch(FromKernel<NetBF16, _>(kernel))
        }
    }
}

/// A pair kernel whose source is known.
private struct FromKernel<S: NetElement, Pair: NetPairKernel>: NetKernel {
    let pair: Pair
    init(_ pair: Pair) { self.pair = pair }
    func run<T: NetElement>(_: T.Type) { pair.run(S.self, T.self) }
}
