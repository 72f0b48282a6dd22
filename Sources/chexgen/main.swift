print("chexgen")
