/// The rules of the allowed names: which record each builds from its arguments.
extension Unpickler {
    /// What REDUCE and NEWOBJ give for a name and its arguments.
    mutating func apply(_ callable: PickleValue, _ arguments: PickleValue, isNew: Bool) throws -> PickleValue {
        guard case .reference(let index) = callable, case .global(let rule) = nodes[index] else {
            throw refused("a call of what is no name")
        }
        guard let arguments = tuple(arguments) else { throw malformed("the arguments are no tuple") }
        return try apply(rule, arguments, depth: 0)
    }

    private mutating func apply(_ rule: AllowedGlobal, _ arguments: [PickleValue], depth: Int) throws -> PickleValue {
        switch rule {
        case .orderedDictionary, .dictionary: return try add(.dictionary(try members(arguments)))
        case .rebuildTensor: return try rebuildTensor(arguments, type: nil)
        case .rebuildTensorV3:
            guard arguments.count > 6, let type = elementType(arguments[6]) else {
                throw malformed("_rebuild_tensor_v3 without a dtype")
            }
            return try rebuildTensor(arguments, type: type)
        case .rebuildParameter, .rebuildParameterWithState:
            guard let data = arguments.first, isTensor(data) else { throw malformed("a parameter without a tensor") }
            return data
        case .rebuildFromType:
            // (function, type, arguments, state): a tensor that carries Python attributes, which hold no weights.
            guard arguments.count > 2, depth < 4, case .reference(let index) = arguments[0],
                case .global(let inner) = nodes[index], let innerArguments = tuple(arguments[2])
            else { throw malformed("_rebuild_from_type_v2 with unknown arguments") }
            return try apply(inner, innerArguments, depth: depth + 1)
        case .size, .tuple:
            guard let first = arguments.first else { return try add(.tuple([])) }
            return try add(.tuple(try elements(first)))
        case .list:
            guard let first = arguments.first else { return try add(.list([])) }
            return try add(.list(try elements(first)))
        case .encode:
            guard case .text(let text)? = arguments.first else { throw malformed("_codecs.encode without a text") }
            return .bytes(try latin1(text))
        case .byteArray:
            if case .bytes? = arguments.first { return arguments[0] }
            return .bytes([])
        case .numPyScalar: return try scalar(arguments)
        case .numPyType:
            guard case .text(let name)? = arguments.first else { throw malformed("numpy.dtype without a name") }
            return try add(.numPyType(name: name, isBigEndian: false))
        case .opaque(let name): return try add(.opaque(name))
        case .storage, .elementType: throw refused("a call of a type that only names storages")
        }
    }

    /// A persistent identifier: ("storage", class, key, location, count[, view]).
    mutating func persistent(_ identifier: PickleValue) throws -> PickledStorage {
        guard let parts = tuple(identifier), parts.count >= 5, case .text("storage") = parts[0] else {
            throw malformed("a persistent identifier that names no storage")
        }
        guard case .reference(let index) = parts[1], case .global(.storage(let type)) = nodes[index] else {
            throw malformed("a storage without a storage class")
        }
        let key: String
        switch parts[2] {
        case .text(let text): key = text
        case .integer(let number): key = String(number)
        default: throw malformed("a storage whose key is no text")
        }
        let count = try size(parts[4], "the storage's element count")
        guard !count.multipliedReportingOverflow(by: type?.size ?? 1).overflow else {
            throw malformed("a storage of \(count) elements is too large")
        }
        var (viewOffset, viewCount) = (0, count)
        if parts.count > 5, let view = tuple(parts[5]) {
            guard view.count == 3 else { throw malformed("a storage view without its three numbers") }
            viewOffset = try size(view[1], "the view's offset")
            viewCount = try size(view[2], "the view's size")
            guard viewOffset <= count, viewCount <= count - viewOffset else {
                throw malformed("a view of \(viewCount) elements at \(viewOffset) of a storage of \(count)")
            }
        }
        let storage = PickledStorage(
            key: key, type: type, count: count, viewOffset: viewOffset, viewCount: viewCount)
        if let known = storages[key] {
            guard known.type == type else { throw malformed("the storage \"\(key)\" is used with two element types") }
            guard known.count == count else {
                throw malformed("the storage \"\(key)\" has \(known.count) elements and here \(count)")
            }
        }
        storages[key] = storage
        return storage
    }

    /// (storage, offset, size, stride, ...), all counted in elements.
    private mutating func rebuildTensor(_ arguments: [PickleValue], type: ElementType?) throws -> PickleValue {
        guard arguments.count >= 4, case .reference(let index) = arguments[0], case .storage(let storage) = nodes[index]
        else { throw malformed("a tensor without a storage") }
        guard let type = type ?? storage.type else { throw malformed("a tensor of an untyped storage without a dtype") }
        // PyTorch's lazy negation and conjugation stand in a dictionary at the end.
        if arguments.count > 6, case .reference(let last)? = arguments.last, case .dictionary(let flags) = nodes[last] {
            for flag in flags {
                if case .boolean(false) = flag.value { continue }
                throw malformed("a tensor with a lazy negation or conjugation; save it with .contiguous().clone()")
            }
        }
        let offset = try size(arguments[1], "the tensor's offset")
        let shape = try elements(arguments[2]).map { try size($0, "a size") }
        let strides = try elements(arguments[3]).map { try size($0, "a stride") }
        let storageBytes = storage.viewCount * (storage.type?.size ?? 1)
        if let reason = TensorRecord.fault(
            shape: shape, strides: strides, offset: offset, available: storageBytes / type.size)
        {
            throw malformed(reason)
        }
        return try add(
            .tensor(PickledTensor(storage: storage, type: type, offset: offset, shape: shape, strides: strides)))
    }

    /// `numpy.core.multiarray.scalar(dtype, bytes)`: a number where its dtype has one.
    private func scalar(_ arguments: [PickleValue]) throws -> PickleValue {
        guard arguments.count >= 2, case .reference(let index) = arguments[0],
            case .numPyType(let name, let isBigEndian) = nodes[index], case .bytes(var raw) = arguments[1]
        else { throw malformed("a NumPy scalar without a dtype and bytes") }
        guard let type = ElementType.numPyNames[name] else { return .none }
        guard raw.count == type.size else {
            throw malformed("a NumPy scalar of \(raw.count) bytes, wanted \(type.size)")
        }
        if isBigEndian { raw.reverse() }
        var word: UInt64 = 0
        for (index, byte) in raw.prefix(8).enumerated() { word |= UInt64(byte) << UInt64(8 * index) }
        switch type {
        case .f64: return .float(Double(bitPattern: word))
        case .f32: return .float(Double(Float(bitPattern: UInt32(truncatingIfNeeded: word))))
        case .f16: return .float(Double(Float16(bitPattern: UInt16(truncatingIfNeeded: word))))
        case .i64: return .integer(Int(Int64(bitPattern: word)))
        case .i32: return .integer(Int(Int32(truncatingIfNeeded: word)))
        case .i16: return .integer(Int(Int16(truncatingIfNeeded: word)))
        case .i8: return .integer(Int(Int8(truncatingIfNeeded: word)))
        case .bool: return .boolean(word != 0)
        case .u8, .u16, .u32: return .integer(Int(word))
        default: return .none
        }
    }

    private func isTensor(_ value: PickleValue) -> Bool {
        if case .reference(let index) = value, case .tensor = nodes[index] { return true }
        return false
    }

    private func elementType(_ value: PickleValue) -> ElementType? {
        if case .reference(let index) = value, case .elementType(let type) = nodes[index] { return type }
        return nil
    }

    private func size(_ value: PickleValue, _ what: String) throws -> Int {
        guard case .integer(let number) = value, number >= 0 else {
            throw malformed("\(what) is no integer of 0 or more")
        }
        return number
    }

    private mutating func elements(_ value: PickleValue) throws -> [PickleValue] {
        if case .reference(let index) = value {
            switch nodes[index] {
            case .tuple(let elements), .list(let elements):
                try countCopies(elements.count)
                return elements
            default: break
            }
        }
        throw malformed("a tuple is wanted")
    }

    /// The members that `OrderedDict([(key, value), ...])` is made of.
    private mutating func members(_ arguments: [PickleValue]) throws -> [(key: PickleValue, value: PickleValue)] {
        guard let first = arguments.first else { return [] }
        if case .reference(let index) = first, case .dictionary(let members) = nodes[index] {
            try countCopies(members.count)
            return members
        }
        return try elements(first).map { pair in
            let parts = try elements(pair)
            guard parts.count == 2 else { throw malformed("a pair of a dictionary has \(parts.count) parts") }
            return (parts[0], parts[1])
        }
    }

    private func latin1(_ text: String) throws -> [UInt8] {
        try text.unicodeScalars.map { scalar in
            guard let byte = UInt8(exactly: scalar.value) else { throw malformed("a text is not Latin-1") }
            return byte
        }
    }
}
