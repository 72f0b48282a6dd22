/// The kind of device that a network runs on. Results of one kind are comparable; those of two kinds differ in their last digits.
///
/// A kind is a name, which an executor brings along: results of a device that this program does not have can still be read.
public struct DeviceKind: RawRepresentable, Hashable, Sendable {
    /// The name, as it stands in the identity of a number.
    public let rawValue: String

    /// A kind by its name: small letters, digits and hyphens, a letter first; nil for another text.
    public init?(rawValue: String) {
        let rest: Set<Character> = Set("abcdefghijklmnopqrstuvwxyz0123456789-")
        guard let first = rawValue.first, first.isLetter, rawValue.allSatisfy(rest.contains) else { return nil }
        self.rawValue = rawValue
    }

    private init(known name: String) { rawValue = name }

    /// The processor.
    public static let cpu = DeviceKind(known: "cpu")
}
