import Files

extension RunConfig {
    /// Where a parameter stands: `file:line:column` or the `--set` text for `params.real.csv`; nil where it is a default.
    public func place(of key: String) -> String? {
        var node = params
        for name in key.split(separator: ".").dropFirst() {
            guard case .object(let entries) = node.content, let entry = entries.first(where: { $0.key == name }) else {
                return nil
            }
            node = entry.value
        }
        return node.place.description
    }
}
