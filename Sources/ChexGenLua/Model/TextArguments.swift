import LuaRuntime

/// What functions that read texts have in common.
package enum TextArguments {
    /// A text, or a list of them.
    package static let texts = LuaType.oneOf([.string, .list(.string)])

    /// A text or a list of texts, as a list.
    package static func strings(_ given: LuaArguments, _ name: String) throws -> [String] {
        if let text = given.value(name).stringValue { return [text] }
        return try given.list(name).compactMap(\.stringValue)
    }
}
