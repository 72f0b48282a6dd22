/// A Lua table, copied: a list and named fields. Changing it does not change the table that it was read from.
///
/// A table with a metatable is an object of the script: unless it was changed here, Lua gets the very table back.
public final class LuaTable {
    /// The list part: entries 1, 2, … of the Lua table.
    public var array: [LuaValue] {
        didSet { origin = nil }
    }
    /// The object of the script that this is a copy of.
    private(set) var origin: LuaFunction?
    /// The named part. Sorted by name when read from Lua, else in the order of insertion.
    public private(set) var fields: [(name: String, value: LuaValue)]
    /// Whether Lua gets a proxy that can be read and iterated, but not written.
    public var isReadOnly = false

    private var positions: [String: Int] = [:]
    /// Below this many fields a scan is faster than a dictionary.
    private static let indexedFrom = 9

    /// Makes a table; a later field of the same name replaces an earlier one.
    public init(array: [LuaValue] = [], fields: [(String, LuaValue)] = []) {
        self.array = array
        self.fields = []
        self.fields.reserveCapacity(fields.count)
        for (name, value) in fields { self[name] = value }
    }

    /// Takes fields that are known to differ in name.
    init(array: [LuaValue], distinctFields: [(name: String, value: LuaValue)], origin: LuaFunction? = nil) {
        self.array = array
        self.fields = distinctFields
        self.origin = origin
        reindex()
    }

    /// The field of that name, or `.nil`. Setting `.nil` removes the field.
    public subscript(name: String) -> LuaValue {
        get { position(of: name).map { fields[$0].value } ?? .nil }
        set {
            origin = nil
            if let position = position(of: name) {
                if newValue.isNil {
                    fields.remove(at: position)
                    reindex()
                } else {
                    fields[position].value = newValue
                }
            } else if !newValue.isNil {
                fields.append((name, newValue))
                if fields.count == Self.indexedFrom {
                    reindex()
                } else if fields.count > Self.indexedFrom {
                    positions[name] = fields.count - 1
                }
            }
        }
    }

    private func position(of name: String) -> Int? {
        fields.count < Self.indexedFrom ? fields.firstIndex { $0.name == name } : positions[name]
    }

    private func reindex() {
        positions.removeAll()
        guard fields.count >= Self.indexedFrom else { return }
        for (position, field) in fields.enumerated() { positions[field.name] = position }
    }
}
