# Ex 5
X_line = torch.arange(0, 1, 0.01).unsqueeze(dim=1)
y_line = 0.7 * X_line + 0.3
X_line_train, X_line_test = X_line[:80], X_line[80:]
y_line_train, y_line_test = y_line[:80], y_line[80:]

# TODO: model, loss, optimizer, training loop
