import CLua

/// The classes that one host knows, by the Swift type of the object.
struct ClassRegistry {
    /// What the tape says about an object.
    struct Kind {
        let number: UInt32
        let hasExternalBytes: Bool
    }

    private var declared: [ObjectIdentifier: UInt32] = [:]
    private var known: [ObjectIdentifier: Kind] = [:]

    mutating func add(_ type: AnyClass, name: String) throws -> UInt32 {
        guard declared[ObjectIdentifier(type)] == nil else {
            throw LuaError("the Swift class of '\(name)' has a Lua class already")
        }
        let number = UInt32(declared.count + 1)
        declared[ObjectIdentifier(type)] = number
        known.removeAll()
        ClassNames.declare(name, for: type)
        return number
    }

    /// The class of an object: that of its Swift class, or of the nearest superclass that has one.
    mutating func kind(of object: AnyObject) throws -> Kind {
        let type: AnyClass = Swift.type(of: object)
        if let kind = known[ObjectIdentifier(type)] { return kind }
        var current: AnyClass? = type
        while let candidate = current {
            if let number = declared[ObjectIdentifier(candidate)] {
                let kind = Kind(number: number, hasExternalBytes: type is LuaExternalBytes.Type)
                known[ObjectIdentifier(type)] = kind
                return kind
            }
            current = _getSuperclass(candidate)
        }
        throw LuaError("no Lua class is declared for the Swift class \(type)")
    }
}
