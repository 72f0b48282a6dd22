/// How LLM-CXR is asked for a picture, as it was trained (hyn2028/llm-cxr, `training/consts.py` and `mimiccxr_vq_dataset.py`).
public enum LLMCXRPrompt {
    /// Begins the instruction.
    static let instructionKey = "### Instruction:"
    /// Begins the answer.
    static let responseKey = "### Response:"
    /// Ends the answer.
    static let endKey = "### End"
    private static let intro =
        "Below is an instruction that describes a task. Write a response that appropriately completes the request."

    /// The instructions for a picture of a report; a picture has one of them, drawn by its seed.
    public static let instructions = [
        "Generate a chest X-ray image that corresponds to the entered free-text radiology reports for the chest X-ray image.",
        "Use the free-text radiology reports for the chest X-ray image to produce a corresponding chest X-ray image.",
        "Utilize the entered free-text radiology reports for the chest X-ray image to create a corresponding chest X-ray image.",
        "Create a chest X-ray image that matches the free-text radiology reports entered for the chest X-ray image.",
        "Produce a chest X-ray image that is consistent with the free-text radiology reports entered for the chest X-ray image.",
        "Based on the free-text radiology reports for the chest X-ray image, generate a corresponding chest X-ray image.",
        "Use the free-text radiology reports entered for the chest X-ray image to create a corresponding chest X-ray image.",
        "Generate a chest X-ray image that is in accordance with the free-text radiology reports for the chest X-ray image entered.",
        "Create a chest X-ray image that corresponds to the free-text radiology reports entered for the chest X-ray image.",
        "Utilize the entered free-text radiology reports for the chest X-ray image to produce a corresponding chest X-ray image.",
    ]

    /// The whole prompt.
    public static func text(_ instruction: String, _ report: String) -> String {
        "\(intro)\n\n\(instructionKey)\n\(instruction)\n\nInput:\n\(report)\n\n\(responseKey)\n"
    }
}
