/// A text that is not the YAML that it must be.
public struct YAMLError: InputFault, Equatable, CustomStringConvertible {
    /// `file:line:column`, or what else names the text.
    public let location: String
    /// What is wrong and what to do.
    public let message: String

    /// An error at a place.
    public init(location: String, message: String) {
        self.location = location
        self.message = message
    }

    /// The message, as users read it.
    public var description: String { "\(location): \(message)" }
}
