/// The fourteen observations of the CheXpert labeller (Irvin et al., 2019).
public enum Pathologies {
    /// The names in the reference's order, which is alphabetical; label tensors have their columns in this order.
    public static let names = [
        "Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Enlarged Cardiomediastinum", "Fracture",
        "Lung Lesion", "Lung Opacity", "No Finding", "Pleural Effusion", "Pleural Other", "Pneumonia",
        "Pneumothorax", "Support Devices",
    ]

    /// How many names there are.
    public static var count: Int { names.count }

    /// The position of a name in `names`.
    /// - Throws: `DatasetError.value` with the nearest name for an unknown one.
    public static func index(of name: String) throws -> Int {
        if let index = names.firstIndex(of: name) { return index }
        throw DatasetError.value(
            operation: "pathology",
            message: "\"\(name)\" is none of the fourteen\(suggestion(name, names)): \(names.joined(separator: ", "))")
    }
}
