import Files

/// The named tensors of an unpickled object: the state dict, found under the keys that training scripts put it.
struct StateDictionary {
    /// Tensors in their order; nested names are joined by dots.
    private(set) var tensors: [(name: String, tensor: PickledTensor)] = []
    /// Numbers and texts beside the weights, such as `epoch`.
    private(set) var scalars: [String: String] = [:]

    /// Keys that hold the state dict of a training checkpoint, in order of preference.
    static let wrappers = ["state_dict", "model_state_dict", "model", "params"]
    private static let maximumDepth = 16
    private static let maximumVisits = 1_500_000

    private let machine: Unpickler
    private var visits = 0
    private var indexOfName: [String: Int] = [:]

    init(_ machine: Unpickler, root: PickleValue) throws {
        self.machine = machine
        var root = root
        noteScalars(root)
        var depth = 0
        while depth < StateDictionary.maximumDepth, let inner = try wrapped(root) {
            root = inner
            depth += 1
        }
        try collect(root, name: "", depth: 0)
        guard !tensors.isEmpty else {
            throw FileError.malformed(path: machine.path, location: "", reason: "the pickle holds no tensors")
        }
    }

    /// The state dict inside a training checkpoint, or nil where `value` is no such wrapper.
    private mutating func wrapped(_ value: PickleValue) throws -> PickleValue? {
        for key in StateDictionary.wrappers {
            guard let inner = try machine.member(key, of: value), case .reference(let index) = inner,
                case .dictionary = machine.nodes[index]
            else { continue }
            var probe = self
            try probe.collect(inner, name: "", depth: 0)
            visits = probe.visits
            if !probe.tensors.isEmpty { return inner }
        }
        return nil
    }

    private mutating func noteScalars(_ root: PickleValue) {
        guard case .reference(let index) = root, case .dictionary(let members) = machine.nodes[index] else { return }
        for (key, value) in members.prefix(1000) {
            guard case .text(let name) = key else { continue }
            switch value {
            case .integer(let number): scalars[name] = String(number)
            case .float(let number): scalars[name] = String(number)
            case .boolean(let flag): scalars[name] = String(flag)
            case .text(let text) where text.utf8.count <= 1000: scalars[name] = text
            default: break
            }
        }
    }

    private mutating func collect(_ value: PickleValue, name: String, depth: Int) throws {
        guard case .reference(let index) = value else { return }
        visits += 1
        guard visits <= StateDictionary.maximumVisits else {
            throw FileError.malformed(
                path: machine.path, location: "", reason: "its containers hold each other over and over")
        }
        guard depth <= StateDictionary.maximumDepth else {
            throw FileError.malformed(
                path: machine.path, location: "",
                reason: "its containers are nested deeper than \(StateDictionary.maximumDepth) levels")
        }
        switch machine.nodes[index] {
        case .tensor(let tensor):
            try note(tensor, name: name.isEmpty ? "tensor" : name)
        case .dictionary(let members):
            // Of a key that is set twice, the last value counts, as in Python.
            var last: [String: Int] = [:]
            let keys = members.enumerated().map { position, member in text(member.key) ?? String(position) }
            for (position, key) in keys.enumerated() { last[key] = position }
            for (position, key) in keys.enumerated() where last[key] == position {
                try collect(members[position].value, name: joined(name, key), depth: depth + 1)
            }
        case .list(let elements), .tuple(let elements):
            for (position, element) in elements.enumerated() {
                try collect(element, name: joined(name, String(position)), depth: depth + 1)
            }
        default: break
        }
    }

    private mutating func note(_ tensor: PickledTensor, name: String) throws {
        guard name.utf8.count <= SafeTensors.maximumName else {
            throw FileError.malformed(
                path: machine.path, location: "tensor \"\(name.prefix(100))...\"",
                reason: "its name is longer than \(SafeTensors.maximumName) bytes")
        }
        guard indexOfName[name] == nil else {
            throw FileError.malformed(path: machine.path, location: "tensor \"\(name)\"", reason: "it is there twice")
        }
        guard tensors.count < SafeTensors.maximumTensors else {
            throw FileError.malformed(
                path: machine.path, location: "", reason: "more than \(SafeTensors.maximumTensors) tensors")
        }
        indexOfName[name] = tensors.count
        tensors.append((name, tensor))
    }

    private func joined(_ name: String, _ key: String) -> String { name.isEmpty ? key : "\(name).\(key)" }

    private func text(_ key: PickleValue) -> String? {
        switch key {
        case .text(let text): return text
        case .integer(let number): return String(number)
        case .bytes(let bytes): return String(decoding: bytes, as: UTF8.self)
        default: return nil
        }
    }
}
